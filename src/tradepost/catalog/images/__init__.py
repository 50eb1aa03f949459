"""The pictures of a product, in their order. They lie elsewhere on the web: nothing is fetched, addresses are kept."""
