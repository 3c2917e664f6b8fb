"""Pictures cut into tiles that a network is given in batches, and put together again without a seam."""
