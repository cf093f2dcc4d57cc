"""Pure decisions about durations and expiry."""
