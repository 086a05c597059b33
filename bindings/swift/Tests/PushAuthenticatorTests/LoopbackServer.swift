import Foundation

/// An HTTP server on loopback that responds as specified, byte for byte, and then closes; one connection at a time.
final class LoopbackServer: Sendable {
    typealias Handler = @Sendable (_ request: String, _ connection: Connection) -> Void

    struct Connection {
        let descriptor: Int32

        /// Returns whether the other side accepted the bytes.
        @discardableResult func write(_ bytes: Data) -> Bool {
            bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) == bytes.count }
        }

        @discardableResult func write(_ text: String) -> Bool { write(Data(text.utf8)) }
    }

    let port: UInt16
    private let listener: Int32
    var origin: String { "http://127.0.0.1:\(port)" }

    init(_ handler: @escaping Handler) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 16) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread {
            while case let accepted = accept(descriptor, nil, nil), accepted >= 0 {
                Thread.detachNewThread {
                    handler(Self.request(accepted), Connection(descriptor: accepted))
                    close(accepted)
                }
            }
        }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    deinit {
        stop()
        close(listener)
    }

    /// Returns the head and the body of an incoming HTTP request.
    private static func request(_ descriptor: Int32) -> String {
        var received = Data()
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { break }
            received += buffer.prefix(count)
            let text = String(decoding: received, as: UTF8.self)
            guard let end = text.range(of: "\r\n\r\n") else { continue }
            let length = text.lowercased().components(separatedBy: "content-length: ").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
            if text[end.upperBound...].utf8.count >= length ?? 0 { break }
        }
        return String(decoding: received, as: UTF8.self)
    }
}
