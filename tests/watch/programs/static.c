// SPDX-License-Identifier: Apache-2.0
//
// Linked statically: cannot be watched.
#include <stdio.h>

int main(void) {
  printf("was run\n");
  return 0;
}
