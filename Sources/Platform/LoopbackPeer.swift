internal import CPlatform

/// The other end of a TCP connection within this machine.
public enum LoopbackPeer {
    /// A loopback address.
    public enum Address: Sendable, CustomStringConvertible {
        /// 127.0.0.1.
        case ipv4
        /// ::1.
        case ipv6

        /// The address as in a URL.
        public var description: String {
            switch self {
            case .ipv4: "127.0.0.1"
            case .ipv6: "[::1]"
            }
        }
    }

    /// Returns the user whose socket is connected from port `port` of `address` to port `listener`, or nil if
    /// there is none.
    ///
    /// TCP has no `SO_PEERCRED`, but sock_diag(7) tells the owner of a socket given both its ends, in a time
    /// that does not depend on the number of sockets. An IPv6 socket that was connected to 127.0.0.1 counts
    /// as IPv4.
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
