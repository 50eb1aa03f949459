"""Every statement on parcels, their labels, and what carriers say of them."""
