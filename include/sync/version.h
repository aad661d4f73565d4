// SPDX-License-Identifier: Apache-2.0
//
// The version of syncxx, for the preprocessor and for programs.
#ifndef SYNCXX_VERSION_H_
#define SYNCXX_VERSION_H_

// Semantic versioning 2.0.0. Read by the build files: keep one number a line.
#define SYNCXX_VERSION_MAJOR 0
#define SYNCXX_VERSION_MINOR 1
#define SYNCXX_VERSION_PATCH 0

// One number that orders versions: 10203 is 1.2.3.
#define SYNCXX_VERSION                                         \
  (SYNCXX_VERSION_MAJOR * 10000 + SYNCXX_VERSION_MINOR * 100 + \
   SYNCXX_VERSION_PATCH)

#define SYNCXX_VERSION_STRINGIZE_(x) #x
#define SYNCXX_VERSION_STRINGIZE(x) SYNCXX_VERSION_STRINGIZE_(x)
#define SYNCXX_VERSION_STRING                    \
  SYNCXX_VERSION_STRINGIZE(SYNCXX_VERSION_MAJOR) \
  "." SYNCXX_VERSION_STRINGIZE(                  \
      SYNCXX_VERSION_MINOR) "." SYNCXX_VERSION_STRINGIZE(SYNCXX_VERSION_PATCH)

#endif  // SYNCXX_VERSION_H_
