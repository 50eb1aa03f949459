"""Every statement on promotions, their coupons and their redemptions."""
