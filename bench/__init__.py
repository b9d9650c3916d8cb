"""Numbers that we publish, the peers they stand beside, and the renderer that makes their frames."""
