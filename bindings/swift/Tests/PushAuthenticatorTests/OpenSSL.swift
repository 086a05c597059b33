import Foundation

/// The system's OpenSSL, as a second opinion on what the core computes. Loaded by name, because there are no headers
/// for it here.
enum OpenSSL {
    private typealias Pointer = OpaquePointer
    private typealias Bytes = UnsafePointer<UInt8>
    private typealias Out = UnsafeMutablePointer<UInt8>
    private typealias Make = @convention(c) () -> Pointer?
    private typealias HMAC = @convention(c) (Pointer?, Bytes?, Int32, Bytes?, Int, Out?, UnsafeMutablePointer<UInt32>?) -> Out?
    private typealias Digest = @convention(c) (Bytes?, Int, Out?) -> Out?
    private typealias Begin = @convention(c) (Pointer?, Pointer?, Pointer?, Bytes?, Bytes?) -> Int32
    private typealias Update = @convention(c) (Pointer?, Out?, UnsafeMutablePointer<Int32>?, Bytes?, Int32) -> Int32
    private typealias End = @convention(c) (Pointer?, Out?, UnsafeMutablePointer<Int32>?) -> Int32
    private typealias Control = @convention(c) (Pointer?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32
    private typealias Free = @convention(c) (Pointer?) -> Void

    nonisolated(unsafe) private static let library = dlopen("libcrypto.so.3", RTLD_NOW)

    private static func function<F>(_ name: String, as: F.Type) -> F {
        guard let symbol = dlsym(library, name) else { fatalError("libcrypto.so.3 has no \(name)") }
        return unsafeBitCast(symbol, to: F.self)
    }

    /// A P-256 key pair.
    final class KeyPair: @unchecked Sendable {
        private typealias New = @convention(c) (Int32) -> OpaquePointer?
        private typealias Of = @convention(c) (OpaquePointer?) -> OpaquePointer?
        private typealias Generate = @convention(c) (OpaquePointer?) -> Int32
        private typealias Encode = @convention(c) (OpaquePointer?, OpaquePointer?, Int32, Out?, Int, OpaquePointer?) -> Int
        private typealias Sign = @convention(c) (Int32, Bytes?, Int32, Out?, UnsafeMutablePointer<UInt32>?, OpaquePointer?) -> Int32
        private typealias Verify = @convention(c) (Int32, Bytes?, Int32, Bytes?, Int32, OpaquePointer?) -> Int32
        private typealias ReadPrivate = @convention(c) (OpaquePointer?, Bytes?, Int) -> Int32
        private typealias ReadPublic = @convention(c) (OpaquePointer?, Bytes?, Int, OpaquePointer?) -> Int32

        /// Uncompressed.
        let point: Data
        private let key: OpaquePointer?

        init() {
            // 415 is OpenSSL's number for the curve, 4 the form.
            key = function("EC_KEY_new_by_curve_name", as: New.self)(415)
            _ = function("EC_KEY_generate_key", as: Generate.self)(key)
            var output = [UInt8](repeating: 0, count: 65)
            let (group, half) = (function("EC_KEY_get0_group", as: Of.self)(key), function("EC_KEY_get0_public_key", as: Of.self)(key))
            _ = function("EC_POINT_point2oct", as: Encode.self)(group, half, 4, &output, output.count, nil)
            point = Data(output)
        }

        /// A known pair: its private number, and its uncompressed point.
        init(number: Data, point: Data) {
            key = function("EC_KEY_new_by_curve_name", as: New.self)(415)
            _ = function("EC_KEY_oct2priv", as: ReadPrivate.self)(key, [UInt8](number), number.count)
            _ = function("EC_KEY_oct2key", as: ReadPublic.self)(key, [UInt8](point), point.count, nil)
            self.point = point
        }

        deinit { function("EC_KEY_free", as: Free.self)(key) }

        /// Returns an ECDSA signature with SHA-256, in DER.
        func sign(_ data: Data) -> Data {
            var output = [UInt8](repeating: 0, count: 80), length: UInt32 = 0
            let digest = [UInt8](sha256(data))
            _ = function("ECDSA_sign", as: Sign.self)(0, digest, Int32(digest.count), &output, &length, key)
            return Data(output.prefix(Int(length)))
        }

        func verify(_ der: Data, of data: Data) -> Bool {
            let digest = [UInt8](sha256(data))
            return function("ECDSA_verify", as: Verify.self)(0, digest, Int32(digest.count), [UInt8](der), Int32(der.count), key) == 1
        }

        /// Returns r and s of a DER signature, which states the length of each, with a leading zero if its first bit is
        /// set.
        static func raw(_ der: Data) -> Data {
            let bytes = [UInt8](der), length = Int(bytes[3])
            return [bytes[4..<4 + length], bytes[(6 + length)...]].map { (Data(count: 32) + $0).suffix(32) }.reduce(Data(), +)
        }
    }

    static func sha256(_ data: Data) -> Data {
        var output = [UInt8](repeating: 0, count: 32)
        _ = function("SHA256", as: Digest.self)([UInt8](data), data.count, &output)
        return Data(output)
    }

    /// `algorithm` is SHA1, SHA256 or SHA512.
    static func hmac(_ algorithm: String, key: Data, _ data: Data) -> Data {
        let hash = function("EVP_\(algorithm.lowercased())", as: Make.self)()
        var output = [UInt8](repeating: 0, count: 64)
        var length: UInt32 = 0
        let (key, data) = ([UInt8](key), [UInt8](data))
        _ = function("HMAC", as: HMAC.self)(hash, key, Int32(key.count), data, data.count, &output, &length)
        return Data(output.prefix(Int(length)))
    }

    /// AES-256-GCM: the ciphertext, then the tag.
    static func encrypt(_ plain: Data, key: Data, nonce: Data) -> Data {
        withContext { context in
            var output = [UInt8](repeating: 0, count: plain.count), length: Int32 = 0
            var tag = [UInt8](repeating: 0, count: 16)
            _ = function("EVP_EncryptInit_ex", as: Begin.self)(context, cipher, nil, [UInt8](key), [UInt8](nonce))
            _ = function("EVP_EncryptUpdate", as: Update.self)(context, &output, &length, [UInt8](plain), Int32(plain.count))
            _ = function("EVP_EncryptFinal_ex", as: End.self)(context, &tag, &length)
            _ = function("EVP_CIPHER_CTX_ctrl", as: Control.self)(context, 0x10, 16, &tag)
            return Data(output + tag)
        }
    }

    /// Returns nil if the tag is wrong.
    static func decrypt(_ sealed: Data, key: Data, nonce: Data) -> Data? {
        withContext { context in
            let plain = [UInt8](sealed.dropLast(16))
            var output = [UInt8](repeating: 0, count: plain.count), length: Int32 = 0
            var tag = [UInt8](sealed.suffix(16)), rest = [UInt8](repeating: 0, count: 16)
            _ = function("EVP_DecryptInit_ex", as: Begin.self)(context, cipher, nil, [UInt8](key), [UInt8](nonce))
            _ = function("EVP_DecryptUpdate", as: Update.self)(context, &output, &length, plain, Int32(plain.count))
            _ = function("EVP_CIPHER_CTX_ctrl", as: Control.self)(context, 0x11, 16, &tag)
            return function("EVP_DecryptFinal_ex", as: End.self)(context, &rest, &length) == 1 ? Data(output) : nil
        }
    }

    private static var cipher: Pointer? { function("EVP_aes_256_gcm", as: Make.self)() }

    private static func withContext<T>(_ work: (Pointer?) -> T) -> T {
        let context = function("EVP_CIPHER_CTX_new", as: Make.self)()
        defer { function("EVP_CIPHER_CTX_free", as: Free.self)(context) }
        return work(context)
    }
}
