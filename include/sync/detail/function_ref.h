// SPDX-License-Identifier: Apache-2.0
//
// A callable that is called before the call it is passed to returns: two words,
// no allocation. (std::function_ref is C++26.)
#ifndef SYNCXX_DETAIL_FUNCTION_REF_H_
#define SYNCXX_DETAIL_FUNCTION_REF_H_

#include <memory>
#include <type_traits>

#include <sync/detail/config.h>

namespace syncxx::inline SYNCXX_ABI {
namespace detail {

template <class Signature>
class function_ref;

// What it calls must not throw: that ends the program.
template <class R, class... Args>
class function_ref<R(Args...)> {
 public:
  // Refers to `f`, which must be there as long as this is.
  template <class F>
  constexpr explicit function_ref(F& f) noexcept
      : object_(const_cast<void*>(
            static_cast<const volatile void*>(std::addressof(f)))),
        call_([](void* object, Args... args) noexcept -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(args...);
        }) {}

  R operator()(Args... args) const noexcept { return call_(object_, args...); }

 private:
  void* object_;
  R (*call_)(void*, Args...) noexcept;
};

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_DETAIL_FUNCTION_REF_H_
