"""The clock struck: what people asked to be told without asking, and when."""
