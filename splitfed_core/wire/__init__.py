"""All that happens between two sides: messages, codecs, transports. It knows no role."""
