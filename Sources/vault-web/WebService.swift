internal import HTTPServer
internal import Platform
internal import Sodium
internal import UserMessages

/// Answers requests: checks access, finds the route, and adds the fields that every response has.
final class WebService: HTTPService {
    private let handler: APIHandler
    private var access: AccessControl
    /// The time of the last request with a key, other than the page's own polling; monotonic milliseconds.
    private(set) var lastUse = SystemClock.monotonicMilliseconds()
    /// True if the one-time token was used.
    private(set) var isOpened = false

    init(_ handler: APIHandler, api: consuming Token?) throws(Failure) {
        self.handler = handler
        access = try AccessControl(api: api)
    }

    /// Sets the port that the server listens on, and returns the address to open.
    func begin(at port: UInt16) -> String {
        access.port = port
        return access.address
    }

    func admits(clientPort: UInt16, of address: LoopbackPeer.Address) -> Bool {
        access.admits(clientPort: clientPort, of: address)
    }

    func refusal(of request: Request) -> Response? {
        do throws(Refusal) {
            _ = try route(of: request)
            return nil
        } catch {
            return WebService.response(error)
        }
    }

    func responseToLongBody() -> Response {
        WebService.response(Refusal(413, "the body has more than 8 MiB"))
    }

    func response(to request: Request, body: Span<UInt8>) -> Response {
        do throws(Refusal) {
            let route = try route(of: request)
            if case .file(let file) = route {
                return WebService.response(200, file.type, try APIHandler.buffer(file.bytes))
            }
            if case .lock = route {
                // The page polls this route, which does not count as use.
                try handler.checkUnlocked()
                return Response(204, WebService.fields)
            }
            lastUse = SystemClock.monotonicMilliseconds()
            if case .exchange = route { return WebService.response(200, WebService.json, try exchange()) }
            guard let answer = try handler.answer(route, body) else {
                return Response(204, WebService.fields)
            }
            return WebService.response(200, WebService.json, answer)
        } catch {
            return WebService.response(error)
        }
    }

    /// Returns the route of a request, if access is permitted.
    private func route(of request: Request) throws(Refusal) -> Route {
        try access.checkHost(request)
        if Route.file(at: request.target) != nil { return try Route(request.method, request.target) }
        try access.checkOrigin(request)
        let permission = try access.permission(of: request)
        let route = try Route(request.method, request.target)
        switch (permission, route) {
        case (.exchange, .exchange): break
        case (.exchange, _): throw Refusal(401, "the one-time token can only be exchanged")
        case (.original, _) where !route.isOriginal: throw Refusal(403, "the API key does not permit this")
        case (_, .exchange): throw Refusal(403, "only the one-time token can be exchanged")
        default: break
        }
        return route
    }

    private func exchange() throws(Refusal) -> SecretBuffer {
        isOpened = true
        return try access.exchange { key throws(Refusal) in
            try APIHandler.allocating { () throws(SodiumError) in
                var text = try SecretBuffer(capacity: key.count + 16)
                try text.append(Array("{\"key\":\"".utf8).span)
                try text.append(key)
                try text.append(Array("\"}".utf8).span)
                return text
            }
        }
    }

    private static let json = "application/json"

    /// The fields of every response: web-interface.md, section 5.
    private static let fields: [(name: String, value: String)] = [
        ("Cache-Control", "no-store"), ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"), ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        (
            "Content-Security-Policy",
            """
            default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
            form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'
            """
        ),
    ]

    private static func response(_ status: Int, _ type: String, _ body: consuming SecretBuffer) -> Response {
        Response(status, fields + [("Content-Type", type)], body: body)
    }

    private static func response(_ refusal: Refusal) -> Response {
        var result: Response
        do throws(Refusal) {
            let message = JSON.object([("error", .object([("message", .string(refusal.message))]))])
            result = response(refusal.status, json, try APIHandler.text(message))
        } catch {
            result = Response(refusal.status, fields)
        }
        if let allowed = refusal.allowed { result.fields.append(("Allow", allowed)) }
        return result
    }
}
