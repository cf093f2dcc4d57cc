"""What the destinations in stores of other services share: calls, lists, the end of a token."""
