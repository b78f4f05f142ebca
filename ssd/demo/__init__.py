"""`ssd demo`: the whole journey over HTTP, on real data, checked against published numbers."""
