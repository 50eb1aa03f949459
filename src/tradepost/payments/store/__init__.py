"""Every statement on the tables of this area, by what they are about."""
