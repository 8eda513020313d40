"""What links, devices and codecs come to: who is fastest where, and below which bandwidth a codec pays."""
