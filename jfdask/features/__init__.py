"""Movies made into numbers: one file a block, fitted on the catalogue, applied row by row."""
