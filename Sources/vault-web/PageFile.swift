/// A file of the page, embedded in the program.
struct PageFile {
    let path: String
    let type: String
    let bytes: [UInt8]

    static let all = [
        PageFile(path: "/", type: "text/html; charset=utf-8", bytes: PackageResources.index_html),
        PageFile(path: "/page.css", type: "text/css; charset=utf-8", bytes: PackageResources.page_css),
        script("/page.js", PackageResources.page_js), script("/basics.js", PackageResources.basics_js),
        script("/metadata.js", PackageResources.metadata_js),
        PageFile(path: "/icon.svg", type: "image/svg+xml", bytes: PackageResources.icon_svg),
    ]

    private static func script(_ path: String, _ bytes: [UInt8]) -> PageFile {
        PageFile(path: path, type: "text/javascript; charset=utf-8", bytes: bytes)
    }
}
