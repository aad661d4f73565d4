// SPDX-License-Identifier: Apache-2.0
//
// All locks of a tree come from one place in the program; each thread takes the
// parent's before the child's.
//
// expect: none
#include "support/corpus.h"

namespace {

struct node {
  corpus::mutex lock;
  std::unique_ptr<node> left;
  std::unique_ptr<node> right;
};

std::unique_ptr<node> grow(int height) {
  auto root = std::make_unique<node>();
  if (height > 1) {
    root->left = grow(height - 1);
    root->right = grow(height - 1);
  }
  return root;
}

void descend(node* at, unsigned path) {
  if (at == nullptr) return;
  const std::unique_lock lock(at->lock);
  descend((path & 1) != 0 ? at->left.get() : at->right.get(), path >> 1);
}

}  // namespace

int main() {
  const auto root = grow(5);
  corpus::at_once_of(3, [&](int thread) {
    for (unsigned path = 0; path < 32; ++path)
      descend(root.get(), path ^ static_cast<unsigned>(thread));
  });
}
