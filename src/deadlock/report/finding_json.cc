// SPDX-License-Identifier: Apache-2.0
#include "finding_json.h"

#if SYNCXX_HOOKED

#include <unistd.h>

#include <string_view>

#include <sync/detail/clock.h>

#include "../process.h"
#include "json.h"
#include "words.h"

namespace syncxx::inline SYNCXX_ABI {
namespace detail {
namespace {

class composer {
 public:
  composer(symbolizer& symbols, text& out) noexcept
      : symbols_(symbols), out_(out), json_(out) {}

  void all(const finding& found, std::int64_t number) noexcept {
    json_.open('{').key("version").number(1);
    json_.key("kind").string(name_of(found.kind));
    json_.key("what").string(found.what);
    json_.key("report").number(number);
    json_.key("pid").number(::getpid());
    json_.key("time_ns").number(now_ns(clock_id::realtime));
    json_.key("program").string(symbols_.program());
    if (found.duration_ns > 0)
      json_.key("duration_ns").number(found.duration_ns);
    json_.key("links").open('[');
    for (std::uint32_t i = 0; i < found.links; ++i) {
      const deadlock_link& link = found.link(found.circle, i);
      json_.open('{').key("thread");
      thread(link.wanted);
      json_.key("held");
      if (link.held.object.address == nullptr) {
        json_.null();
      } else {
        json_.open('{');
        object_and_stack(link.held);
        json_.close('}');
      }
      json_.key("wanted").open('{');
      object_and_stack(link.wanted);
      json_.close('}').close('}');
    }
    json_.close(']');
    whole("here", found.here);
    whole("other", found.other);
    whole("before", found.before);
    json_.close('}');
    out_ << "\n";
  }

 private:
  void whole(std::string_view key, const deed* who) noexcept {
    json_.key(key);
    if (who == nullptr) {
      json_.null();
      return;
    }
    json_.open('{').key("thread");
    thread(*who);
    object_and_stack(*who);
    json_.close('}');
  }

  void thread(const deed& who) noexcept {
    char name[process::kThreadNameSize];
    process::look_up_thread(who.tid, name);
    json_.open('{').key("serial").number(static_cast<std::int64_t>(who.thread));
    json_.key("tid").number(who.tid).key("name");
    if (name[0] != '\0')
      json_.string(name);
    else
      json_.null();
    json_.close('}');
  }

  void object_and_stack(const deed& who) noexcept {
    json_.key("object").open('{').key("kind").string(name_of(who.object.kind));
    const std::string_view mode = mode_of(who.object.kind);
    if (!mode.empty()) json_.key("mode").string(mode);
    json_.key("address").hex(
        reinterpret_cast<std::uintptr_t>(who.object.address));
    json_.key("name");
    const object_name name(who.object);
    if (name.get() != nullptr)
      json_.string(name.get());
    else
      json_.null();
    json_.close('}').key("stack").open('[');
    symbols_.for_each_own(who.at, [&](const call& c) { frame(c); });
    json_.close(']');
  }

  void frame(const call& c) noexcept {
    static constinit char storage[4096] = {};
    text function(storage);
    function.without(c.function, "abi1_hooks::");
    json_.open('{');
    string_or_null("function", function.view());
    string_or_null("file", c.file);
    json_.key("line");
    if (c.line > 0)
      json_.number(c.line);
    else
      json_.null();
    string_or_null("module", c.module);
    json_.key("offset").hex(c.offset).close('}');
  }

  void string_or_null(std::string_view key, std::string_view value) noexcept {
    json_.key(key);
    if (value.empty())
      json_.null();
    else
      json_.string(value);
  }

  symbolizer& symbols_;
  text& out_;
  json_writer json_;
};

}  // namespace

void compose_json(const finding& found, std::int64_t number,
                  symbolizer& symbols, text& out) noexcept {
  composer(symbols, out).all(found, number);
}

}  // namespace detail
}  // namespace syncxx::inline SYNCXX_ABI

#endif  // SYNCXX_HOOKED
