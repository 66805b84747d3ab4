// random_rule.hpp - a compiled rule in which every field may matter: family, protocol, prefixes that flows lie in, port
// ranges that end at ports in use, ICMP types, action and place.
#pragma once

#include "common/model/rule.h"
#include "differential/random.hpp"

namespace twinpath::test {

[[nodiscard]] dp_rule random_rule(Random& random);

}  // namespace twinpath::test
