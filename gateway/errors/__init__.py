"""API errors: what an HTTP caller is told of a failure, whatever dialect it speaks."""
