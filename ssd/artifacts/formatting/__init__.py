"""Results in the formats people paste from: made by a child process, so that its libraries never enter the server."""
