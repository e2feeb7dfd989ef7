/* Runs the example that is named. */
#include <stdio.h>
#include <string.h>


int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    fprintf(stderr, "no example %s\n", argv[1]);
    return 2;
}
