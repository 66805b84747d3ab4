// choices.hpp - words of the document and the values they stand for; parsing and rendering use the same tables.
#pragma once

#include <array>

#include "base/choice.hpp"
#include "config/config.hpp"

namespace twinpath {

inline constexpr std::array kHooks = {Choice{"xdp", Hook::xdp}, Choice{"auto", Hook::automatic}};
inline constexpr std::array kAttaches = {Choice{"native", Attach::native}, Choice{"generic", Attach::generic},
                                         Choice{"auto", Attach::automatic}};
inline constexpr std::array kSockets = {Choice{"zerocopy", Sockets::zerocopy}, Choice{"copy", Sockets::copy},
                                        Choice{"auto", Sockets::automatic}};
inline constexpr std::array kOffloads = {Choice{"fix", Offloads::fix}, Choice{"keep", Offloads::keep}};
inline constexpr std::array kSourceChecks = {Choice{"strict", DP_SOURCE_CHECK_STRICT},
                                             Choice{"loose", DP_SOURCE_CHECK_LOOSE},
                                             Choice{"off", DP_SOURCE_CHECK_OFF}};
inline constexpr std::array kRouterAdvertisements = {Choice{"ignore", RouterAdvertisements::ignore},
                                                     Choice{"accept", RouterAdvertisements::accept}};
// Protocols of a link that Linux's own daemons speak (IEEE 802 numbers).
inline constexpr std::array kEtherTypes = {Choice{"pppoe-discovery", std::uint16_t{0x8863}},
                                           Choice{"pppoe-session", std::uint16_t{0x8864}},
                                           Choice{"eapol", std::uint16_t{0x888e}},
                                           Choice{"ptp", std::uint16_t{0x88f7}},
                                           Choice{"lldp", std::uint16_t{0x88cc}},
                                           Choice{"cfm", std::uint16_t{0x8902}},
                                           Choice{"macsec", std::uint16_t{0x88e5}},
                                           Choice{"wol", std::uint16_t{0x0842}}};
inline constexpr std::array kActions = {Choice{"allow", DP_ACTION_ALLOW}, Choice{"drop", DP_ACTION_DROP},
                                        Choice{"reject", DP_ACTION_REJECT}};
inline constexpr std::array kPlaces = {Choice{"auto", DP_PLACE_AUTO}, Choice{"user", DP_PLACE_USER}};
inline constexpr std::array kPickups = {Choice{"strict", Pickup::strict}, Choice{"loose", Pickup::loose},
                                        Choice{"grace", Pickup::grace}};
inline constexpr std::array kOnExits = {Choice{"keep", OnExit::keep}, Choice{"detach", OnExit::detach}};

}  // namespace twinpath
