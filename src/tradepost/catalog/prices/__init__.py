"""What variants cost in markets: prices of their own there, and sales."""
