internal import VaultCore
internal import UserMessages

/// The route of a request, with its parameters: web-interface.md, sections 2 and 3.
enum Route {
    case file(PageFile)
    case exchange
    case lock
    case list(Scope)
    case set(SecretID)
    case delete(SecretID)
    case contexts
    case details(Scope)
    case history(SecretID)
    case effective(Context)
    case value
    case describe

    /// True if it is a route of the Gradient's API.
    var isOriginal: Bool {
        switch self {
        case .list, .set, .delete: true
        default: false
        }
    }

    /// Returns the file of the page at a target; nil if there is none.
    static func file(at target: [UInt8]) -> PageFile? {
        PageFile.all.first { $0.path.utf8.elementsEqual(target.prefix { $0 != UInt8(ascii: "?") }) }
    }

    /// Parses the method and the target of a request.
    init(_ method: String, _ target: [UInt8]) throws(Refusal) {
        let path = target.prefix { $0 != UInt8(ascii: "?") }
        let query = target.dropFirst(path.count + 1)
        if let file = Route.file(at: target) {
            try Route.check(method, ["GET", "HEAD"])
            self = .file(file)
            return
        }
        let text = String(decoding: path, as: UTF8.self)
        if let route = try Route.page(method, text, query) {
            self = route
        } else if let route = try Route.original(method, path, query) {
            self = route
        } else {
            throw Refusal(404, "no such page")
        }
    }

    private static func page(
        _ method: String, _ path: String, _ query: ArraySlice<UInt8>
    ) throws(Refusal) -> Route? {
        func parameters(_ allowed: String, _ known: String...) throws(Refusal) -> Query {
            try check(method, [allowed])
            return try Query(query, known: known)
        }
        switch path {
        case "/page/session":
            _ = try parameters("POST")
            return .exchange
        case "/page/lock":
            _ = try parameters("GET")
            return .lock
        case "/page/contexts":
            _ = try parameters("GET")
            return .contexts
        case "/page/secrets":
            let query = try parameters("GET", "scope", "id")
            return .details(try scope(query["scope"] ?? "", query["id"], "id"))
        case "/page/history":
            let query = try parameters("GET", "scope", "id", "name")
            return .history(
                try secret(query["name"] ?? "", in: scope(query["scope"] ?? "", query["id"], "id")))
        case "/page/effective":
            let query = try parameters("GET", "projectId", "clusterId")
            let project = try query["projectId"].map { id throws(Refusal) in try checked(id, "projectId") }
            let cluster = try query["clusterId"].map { id throws(Refusal) in try checked(id, "clusterId") }
            return .effective(Context(project: project, cluster: cluster))
        case "/page/value":
            _ = try parameters("POST")
            return .value
        case "/page/metadata":
            _ = try parameters("POST")
            return .describe
        default: return nil
        }
    }

    private static func original(
        _ method: String, _ path: ArraySlice<UInt8>, _ query: ArraySlice<UInt8>
    ) throws(Refusal) -> Route? {
        for word in ["team", "project", "cluster"] {
            let start = Array("/\(word)s/secrets".utf8)
            guard path.starts(with: start) else { continue }
            let rest = path.dropFirst(start.count)
            guard rest.isEmpty || rest.first == UInt8(ascii: "/") else { return nil }
            let scope = { () throws(Refusal) in
                let parameter = "\(word)Id"
                let query = try Query(query, known: word == "team" ? [] : [parameter])
                return try Route.scope(word, query[parameter], parameter)
            }
            if rest.isEmpty {
                try check(method, ["GET"])
                return .list(try scope())
            }
            try check(method, ["PUT", "DELETE"])
            let secret = try secret(Query.decode(rest.dropFirst()), in: scope())
            return method == "PUT" ? .set(secret) : .delete(secret)
        }
        return nil
    }

    private static func check(_ method: String, _ allowed: [String]) throws(Refusal) {
        guard allowed.contains(method) else {
            let list = allowed.joined(separator: ", ")
            throw Refusal(405, "not \(method) here: \(list)", allowed: list)
        }
    }

    /// Parses a scope.
    ///
    /// - Parameter parameter: the request's name for the id.
    static func scope(_ word: String, _ id: String?, _ parameter: String) throws(Refusal) -> Scope {
        switch word {
        case "team":
            guard id == nil else { throw Refusal(400, "the team has no id: omit \(parameter)") }
            return .team
        case "project": return .project(try checked(id, parameter))
        case "cluster": return .cluster(try checked(id, parameter))
        default: throw Refusal(400, "unknown scope '\(word)'")
        }
    }

    private static func checked(_ id: String?, _ parameter: String) throws(Refusal) -> String {
        guard let id else { throw Refusal(400, "\(parameter) is missing") }
        guard SecretID.isValidID(id) else {
            throw Refusal(
                400,
                "invalid \(parameter) '\(id)': 1 to 128 characters: a letter or digit, then letters, digits, _, . or -"
            )
        }
        return id
    }

    /// Returns a secret; throws if its name is not valid.
    static func secret(_ name: String, in scope: Scope) throws(Refusal) -> SecretID {
        guard SecretID.isValidName(name) else {
            throw Refusal(
                400,
                "invalid name '\(name)': 1 to 128 characters: a letter or _, then letters, digits, _, . or -")
        }
        return SecretID(name, in: scope)
    }
}
