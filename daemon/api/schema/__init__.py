"""What the HTTP face takes and gives: structs, and bytes from outside made into them or into a problem."""
