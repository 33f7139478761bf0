"""From classes to loop nests: expression trees, affine addresses, layouts."""
