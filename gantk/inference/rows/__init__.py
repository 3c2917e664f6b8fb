"""Pictures read and written in strips of rows, so that one of any size needs little memory."""
