"""What templates of the admin are extended with."""
