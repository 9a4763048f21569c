"""How fast is the pipeline, what CPU does a request take, and how far is that from the limit?"""
