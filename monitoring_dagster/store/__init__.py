"""What is kept: results of steps, and where a project keeps everything."""
