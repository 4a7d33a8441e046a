"""What is pre-trained, one method a file."""
