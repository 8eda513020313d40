"""Training steps as TensorFlow graphs: split in two, in three (u-shaped), or not at all."""
