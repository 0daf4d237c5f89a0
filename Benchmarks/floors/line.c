/* The floor of `vault --version`: one line. */
#include <stdio.h>

int main(void) {
    puts("vault 0.1.0");
    return 0;
}
