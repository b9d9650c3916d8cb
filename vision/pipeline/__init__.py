"""The processes of a line, one file each, and what they share: messages, the frame pool, the ledger, channels, counters."""
