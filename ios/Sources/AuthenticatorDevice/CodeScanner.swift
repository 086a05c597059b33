#if canImport(AVFoundation)
import AVFoundation
import Foundation

/// Reads QR codes from the camera. Gives the first text it sees, once; what the text means is not known here.
public final class CodeScanner: NSObject, AVCaptureMetadataOutputObjectsDelegate, @unchecked Sendable {
    /// For the view that shows what the camera sees.
    public let session = AVCaptureSession()
    /// Starting and stopping take their time. All else here happens on it, too, which is what makes this safe to share.
    private let queue = DispatchQueue(label: "org.pushauthenticator.scanner")
    private var found: (@Sendable (String) -> Void)?

    /// Whether the camera looks.
    public enum Start: Sendable {
        case looking
        /// The person does not want it used; the system's settings can change that.
        case denied
        case noCamera
    }

    /// Starts to look.
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
