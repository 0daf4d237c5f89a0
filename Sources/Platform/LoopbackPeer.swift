internal import CPlatform

/// The other end of a TCP connection inside this machine.
public enum LoopbackPeer {
    /// An address that no other machine reaches.
    public enum Address: Sendable, CustomStringConvertible {
        /// 127.0.0.1.
        case ipv4
        /// ::1.
        case ipv6

        /// As it stands in a URL.
        public var description: String {
            switch self {
            case .ipv4: "127.0.0.1"
            case .ipv6: "[::1]"
            }
        }
    }

    /// The user whose socket is connected from one port of `address` to another; nil if there is none.
    ///
    /// TCP has no `SO_PEERCRED`, but the kernel tells the owner of a socket that is named by both its ends: sock_diag(7). That takes the
    /// same time however many sockets there are. A socket for IPv6 that was connected to 127.0.0.1 is found there.
    ///
    /// - Throws: what keeps the kernel from telling.
    public static func userID(
        of address: Address, from port: UInt16, to listener: UInt16
    ) throws(Errno) -> UInt32? {
        var user: UInt32 = 0
        do throws(Errno) {
            _ = try retrying {
                unsafe platform_loopback_owner(address == .ipv6 ? 1 : 0, port, listener, &user)
            }
            return user
        } catch .noSuchFile {
            return nil
        }
    }
}
