import Foundation
import VaultKit

/// An HTTP server that greets whoever knows the secret `API_TOKEN` of the project `greeter`.
@main
struct SecretServer {
    let vault: Vault
    let context = Context(project: "greeter")

    static func main() async throws {
        let port = CommandLine.arguments.dropFirst().first.flatMap { UInt16($0) } ?? 8080
        let server = SecretServer(vault: try await Vault.open())
        let listener = try listen(on: port)
        print("listening on http://127.0.0.1:\(port)/")
        // A client that hangs up must not end the server.
        signal(SIGPIPE, SIG_IGN)
        while true {
            // One client at a time keeps the example short.
            let descriptor = accept(listener, nil, nil)
            guard descriptor >= 0 else { continue }
            let connection = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = read(descriptor, &buffer, buffer.count)
            let request = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
            let (status, body) = await server.response(to: request)
            let head = "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
            try? connection.write(contentsOf: Data((head + body).utf8))
        }
    }

    /// Returns the status line and the body for a request.
    func response(to request: String) async -> (status: String, body: String) {
        let prefix = "authorization: bearer "
        let line = request.split(separator: "\r\n").first { $0.lowercased().hasPrefix(prefix) }
        do throws(VaultKitError) {
            // The token is read for each request, so that a new one needs no restart.
            let token = try await vault.value(of: "API_TOKEN", in: context)
            guard let line, token.isEqual(to: Array(line.dropFirst(prefix.count).utf8)) else {
                return ("401 Unauthorized", "wrong token\n")
            }
            return ("200 OK", "hello\n")
        } catch .locked {
            return ("503 Service Unavailable", "the vault is locked\n")
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            return ("500 Internal Server Error", "there is no token\n")
        }
    }

    /// Opens a socket that listens on 127.0.0.1.
    static func listen(on port: UInt16) throws -> Int32 {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let status = withUnsafeBytes(of: &address) { bytes in
            bind(listener, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
        }
        guard status == 0, Foundation.listen(listener, 16) == 0 else {
            throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
        return listener
    }
}

extension SecretValue {
    /// Compares in a time that depends on the lengths alone, and makes no copy of the secret.
    func isEqual(to candidate: [UInt8]) -> Bool {
        withBytes { bytes in
            guard bytes.count == candidate.count else { return false }
            return bytes.indices.reduce(UInt8(0)) { $0 | (bytes[$1] ^ candidate[$1]) } == 0
        }
    }
}
