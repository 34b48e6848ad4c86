"""Pages and boxes, and what they show of an order."""
