"""OpenAPI: the document that says which paths there are, what they take and what they answer."""
