// Nothing to call: what quick.c defines takes the place of libsodium's.
