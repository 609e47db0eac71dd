"""What the operator learns of the bot: numbers to look at, a report by the clock, its capacity."""
