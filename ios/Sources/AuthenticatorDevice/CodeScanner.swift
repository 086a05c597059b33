#if canImport(AVFoundation)
import AVFoundation
import Foundation

/// Reads QR codes with the camera. Reports the first text it sees, once. Independent of what the text means.
public final class CodeScanner: NSObject, AVCaptureMetadataOutputObjectsDelegate, @unchecked Sendable {
    /// For the view that shows the camera's picture.
    public let session = AVCaptureSession()
    /// Starting and stopping take time. Everything else here also runs on this queue, which makes the class safe to
    /// share.
    private let queue = DispatchQueue(label: "org.pushauthenticator.scanner")
    private var found: (@Sendable (String) -> Void)?

    /// The result of starting the camera.
    public enum Start: Sendable {
        case looking
        /// The user does not allow it; that can be changed in the system's settings.
        case denied
        case noCamera
    }

    /// Starts scanning.
    public func start(_ found: @escaping @Sendable (String) -> Void) async -> Start {
        guard await AVCaptureDevice.requestAccess(for: .video) else { return .denied }
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.begin(found)) }
        }
    }

    public func stop() {
        queue.async {
            self.found = nil
            self.session.stopRunning()
        }
    }

    private func begin(_ found: @escaping @Sendable (String) -> Void) -> Start {
        guard let camera = AVCaptureDevice.default(for: .video), let input = try? AVCaptureDeviceInput(device: camera) else { return .noCamera }
        let output = AVCaptureMetadataOutput()
        session.beginConfiguration()
        guard session.canAddInput(input), session.canAddOutput(output) else {
            session.commitConfiguration()
            return .noCamera
        }
        session.addInput(input)
        session.addOutput(output)
        output.setMetadataObjectsDelegate(self, queue: queue)
        output.metadataObjectTypes = [.qr]
        session.commitConfiguration()
        self.found = found
        session.startRunning()
        return .looking
    }

    public func metadataOutput(_: AVCaptureMetadataOutput, didOutput objects: [AVMetadataObject], from _: AVCaptureConnection) {
        for case let code as AVMetadataMachineReadableCodeObject in objects {
            guard let text = code.stringValue, let found else { continue }
            self.found = nil
            session.stopRunning()
            found(text)
        }
    }
}
#endif
