"""Reading an uploaded file and writing it as Stata data. Runs in the preparation child, never in the server."""
