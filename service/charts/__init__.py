"""Charts: pure functions from tables and words to Altair; imported where they are drawn alone."""
