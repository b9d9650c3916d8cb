"""Reports: one document model, written as one HTML file or as a PDF. What a report says is made elsewhere."""
